package org.sparkmesos.bridge

import java.io.IOException
import java.nio.charset.StandardCharsets.ISO_8859_1
import java.nio.file.{Files, Paths}

/** The process group of this process. A Mesos agent starts each executor in a session of its own, so that whatever the
  * executor starts is in one group with it.
  */
object ProcessGroup {
  /** Kills all that is in a group which an agent made for this executor, as libmesos does, and ends this process in any case.
    * A group that others share, say that of a terminal's command line, is left alone.
    */
  def end(): Unit =
    try {
      if (isOwn(stat())) new ProcessBuilder("/bin/sh", "-c", "kill -KILL 0").inheritIO().start().waitFor()
    } finally Runtime.getRuntime.halt(1)

  /** Whether the leader of the group is that of the session, too, by a line of /proc/PID/stat (proc(5)): the command stands
    * in brackets and may hold any character; state, parent, group and session come behind it.
    */
  private[bridge] def isOwn(stat: String): Boolean =
    stat.substring(stat.lastIndexOf(')') + 1).trim.split(' ') match {
      case Array(_, _, group, session, _*) => group == session && group != "0" // 0: it is outside of this namespace
      case _ => false
    }

  /** Empty where there is no /proc. */
  private def stat(): String =
    try new String(Files.readAllBytes(Paths.get("/proc/self/stat")), ISO_8859_1)
    catch { case _: IOException => "" }
}
