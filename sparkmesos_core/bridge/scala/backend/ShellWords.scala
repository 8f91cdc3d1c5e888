package org.sparkmesos.backend

/** Texts as parts of a command that whatever /bin/sh an agent or an image has is to run. */
private[backend] object ShellWords {
  private val Harmless = "[A-Za-z0-9_@%+=:,./-]+"
  private val Sandbox = """\$(?:MESOS_SANDBOX(?![A-Za-z0-9_])|\{MESOS_SANDBOX\})""".r
  private val Special = """[\\"$`]""".r

  /** The text as one word, as it is if no shell would see anything in it. */
  def word(text: String): String = if (text.matches(Harmless)) text else "'" + text.replace("'", "'\"'\"'") + "'"

  /** The text in double quotes. Spark 3.5 writes paths so, and people rely on `$MESOS_SANDBOX` in them; nothing else is
    * expanded.
    */
  def path(text: String): String = "\"" + inQuotes(text) + "\""

  /** The same without the quotes around it. */
  def inQuotes(text: String): String = {
    val sandboxes = Sandbox.findAllMatchIn(text).toSeq
    val begins = sandboxes.map(_.start) :+ text.length
    val ends = 0 +: sandboxes.map(_.end)
    val plain = ends.zip(begins).map { case (from, to) => escaped(text.substring(from, to)) }
    plain.zipAll(sandboxes.map(_.matched), "", "").map { case (before, sandbox) => before + sandbox }.mkString
  }

  private def escaped(text: String) = Special.replaceAllIn(text, one => "\\\\" + java.util.regex.Matcher.quoteReplacement(one.matched))

  /** Throws SettingsError if no command line can hold the text, which is of `property`. */
  def check(text: String, property: String): String =
    if (text.indexOf(0) < 0) text
    else throw new SettingsError(s"$property has a NUL in it, which no command line can hold. Write it without.")
}
