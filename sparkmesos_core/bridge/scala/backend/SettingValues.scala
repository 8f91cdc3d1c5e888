package org.sparkmesos.backend

import java.util.Locale
import java.util.concurrent.TimeUnit

import scala.util.Try

/** A property, or several together, with which no application can run.
  *
  * @param message which property, what is wrong with it and what to write instead; it never holds a secret
  */
final class SettingsError(message: String) extends IllegalArgumentException(message)

/** Properties read by the rules of Spark's `ConfigBuilder` and `JavaUtils`: blanks around a value do not matter,
  * letters of units may be large. What cannot be read is a [[SettingsError]].
  */
private[backend] final class SettingValues(conf: Map[String, String]) {
  import SettingValues._

  def text(name: String): Option[String] = conf.get(name)

  def boolean(name: String): Option[Boolean] = conf.get(name).map { text =>
    text.trim.toBooleanOption.getOrElse(wrong(name, text, "neither true nor false", "Write true or false."))
  }

  /** A whole number; Spark keeps these in 32 bits. */
  def whole(name: String, least: Int, most: Int = Int.MaxValue): Option[Int] = conf.get(name).map { text =>
    val number = text.trim.toIntOption.getOrElse(wrong(name, text, "not a whole number", "Write digits only, as in 8."))
    if (number < least) wrong(name, text, s"less than $least", s"Write $least or more.")
    if (number > most) wrong(name, text, s"more than $most", s"Write $most or less.")
    number
  }

  /** A number with or without a fraction, not negative. */
  def number(name: String): Option[Double] = conf.get(name).map { text =>
    val number = Try(text.trim.toDouble).getOrElse(wrong(name, text, "not a number", "Write a number, as in 2 or 0.5."))
    if (number.isNaN || number.isInfinite || number < 0)
      wrong(name, text, "no finite number from 0 on", "Write 0 or more.")
    number
  }

  /** A time, not negative; a number without a unit is in `unit`, which is also that of the result. */
  def time(name: String, unit: TimeUnit): Option[Long] = conf.get(name).map { text =>
    def fail(what: String) =
      wrong(name, text, what, "Write a whole number and a unit: us, ms, s, m (or min), h or d, as in 30s.")
    text.trim.toLowerCase(Locale.ROOT) match {
      case Time(digits, written) =>
        val from =
          if (written.isEmpty) unit else TimeUnits.getOrElse(written, fail("not a time: there is no such unit"))
        unit.convert(digits.toLongOption.getOrElse(fail("longer than Spark can count")), from)
      case negative if negative.startsWith("-") => fail("a time that is negative")
      case _ => fail("not a time")
    }
  }

  /** A size in whole MiB, rounded down; a number without a unit counts `bare` bytes. */
  def mebibytes(name: String, bare: Long = MiB): Option[Long] = conf.get(name).map { text =>
    def fail(what: String) =
      wrong(name, text, what, "Write a whole number and a unit: b, k, m, g, t or p, as in 512m or 2g.")
    text.trim.toLowerCase(Locale.ROOT) match {
      case Size(digits, written) =>
        val unit =
          if (written.isEmpty) bare else SizeUnits.getOrElse(written, fail("not a size: there is no such unit"))
        val size = BigInt(digits) * unit / MiB
        if (size > Int.MaxValue) fail("larger than Spark can count")
        size.toLong
      case negative if negative.startsWith("-") => fail("a size that is negative")
      case fraction if fraction.matches("[0-9]*\\.[0-9]+[a-z]*") => fail("not a size: Spark takes no fractions")
      case _ => fail("not a size")
    }
  }

  /** The items of a comma list: trimmed, empty ones dropped (`Utils.stringToSeq`). */
  def list(name: String): Seq[String] = conf.get(name).toSeq.flatMap(SettingValues.list)
}

private[backend] object SettingValues {
  val MiB: Long = 1L << 20

  private val Time = "([0-9]+)([a-z]*)".r
  private val Size = "([0-9]{1,30})([a-z]*)".r
  private val TimeUnits = Map(
    "us" -> TimeUnit.MICROSECONDS,
    "ms" -> TimeUnit.MILLISECONDS,
    "s" -> TimeUnit.SECONDS,
    "m" -> TimeUnit.MINUTES,
    "min" -> TimeUnit.MINUTES,
    "h" -> TimeUnit.HOURS,
    "d" -> TimeUnit.DAYS)
  private val SizeUnits = Seq("b", "k", "m", "g", "t", "p").zipWithIndex.flatMap { case (letter, power) =>
    Seq(letter -> (1L << 10 * power), (if (power == 0) letter else s"${letter}b") -> (1L << 10 * power))
  }.toMap

  def list(text: String): Seq[String] = text.split(",").toSeq.map(_.trim).filter(_.nonEmpty)

  /** Fails for a property. `what` follows its value: "not a number"; `advice` is a sentence. */
  def wrong(name: String, text: String, what: String, advice: String): Nothing =
    throw new SettingsError(s"$name=$text is $what. $advice")
}
