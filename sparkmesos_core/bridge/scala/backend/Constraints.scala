package org.sparkmesos.backend

/** What an agent's attribute has to be; without values it only has to exist. */
final case class Constraint(attribute: String, values: Seq[String]) {
  override def toString: String = s"$attribute:${values.mkString(",")}"
}

/** Constraints on the attributes of agents, all of which have to hold. */
final case class Constraints(all: Seq[Constraint]) {
  /** The first that does not hold on an agent with these attributes.
    *
    * The rules are those of Spark's `matchesAttributeRequirements`, but for two: RANGES hold an asked whole number,
    * which in Spark they never do, since it looks for a single range; and what is asked of numbers but is none counts
    * as not there, where Spark fails.
    */
  def unmet(attributes: Map[String, AttributeValue]): Option[Constraint] =
    all.find(one => !attributes.get(one.attribute).exists(Constraints.holds(one.values, _)))
}

object Constraints {
  private val Advice = "Write ATTRIBUTE:VALUE,VALUE;ATTRIBUTE:VALUE, or ATTRIBUTE: if it only has to exist."
  // What Guava calls whitespace, which is what Spark trims here.
  private val Blanks = "\t\n\u000b\f\r \u0085\u00a0\u1680\u180e\u2028\u2029\u202f\u205f\u3000" +
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"

  /** Reads `os:centos7;zone:us-east-1a,us-east-1b` (`MesosSchedulerUtils.parseConstraintString`). The empty text has
    * none.
    *
    * Throws SettingsError for an empty entry, also one behind a last semicolon, for one without exactly one colon, for
    * an attribute named twice, and, unlike Spark, for one without a name.
    */
  def parse(text: String, property: String): Constraints =
    if (text.isEmpty) Constraints(Nil)
    else {
      def fail(what: String, advice: String = Advice) = throw new SettingsError(s"$property=$text: $what. $advice")
      val all = text.split(";", -1).toSeq.map { part =>
        val entry = part.dropWhile(Blanks.contains(_)).reverse.dropWhile(Blanks.contains(_)).reverse
        if (entry.isEmpty) fail("a constraint is empty", s"Leave out the semicolon beside it. $Advice")
        val (attribute, wanted) = entry.span(_ != ':')
        if (wanted.isEmpty) fail(s"'$entry' is not a constraint: it has no colon")
        if (wanted.lastIndexOf(':') > 0) fail(s"'$entry' is not a constraint: it has more than one colon")
        Constraint(attribute, if (wanted == ":") Nil else wanted.drop(1).split(",").toSeq.distinct)
      }
      for (one <- all if one.attribute.isEmpty) fail(s"'$one' is not a constraint: it names no attribute")
      for ((name, several) <- all.groupBy(_.attribute) if several.size > 1)
        fail(
          s"two constraints are about the attribute '$name'",
          "Write one constraint for it, its values separated by commas.")
      Constraints(all)
    }

  private def holds(asked: Seq[String], offered: AttributeValue): Boolean = asked.isEmpty || (offered match {
    case AttributeScalar(number) => asked.exists(_.trim.toDoubleOption.exists(_ <= number))
    case AttributeRanges(ranges) =>
      asked.flatMap(_.trim.toLongOption).exists { number =>
        ranges.exists { case (first, last) => first <= number && number <= last }
      }
    case AttributeSet(items) => asked.forall(items)
    case AttributeText(text) => asked.contains(text)
  })
}
