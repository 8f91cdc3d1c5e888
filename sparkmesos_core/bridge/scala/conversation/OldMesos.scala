package org.sparkmesos.bridge

/** What the version of a Mesos master says about whether it can be spoken to. The scheduler HTTP API is stable since 1.0. */
object OldMesos {
  val Needed = "mesos:// over HTTP needs Mesos 1.0 or newer"

  /** What to tell of a master that is too old; None if it is not, or if the version cannot be understood. */
  def complaint(version: String): Option[String] =
    "[0-9]{1,6}".r.findPrefixOf(version.trim).filter(_.toInt < 1).map(_ => s"$Needed; this master is ${version.trim}")
}
