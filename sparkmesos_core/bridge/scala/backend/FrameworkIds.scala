package org.sparkmesos.backend

import java.util.concurrent.atomic.AtomicInteger

/** Tells the frameworks apart that one driver registers one after the other under an id that was chosen for it. */
object FrameworkIds {
  private val made = new AtomicInteger

  /** Nothing for the first framework of this JVM, `-0001` for the second (`IdHelper` of Spark 3.5). */
  def suffix(): String = suffixAfter(made.getAndIncrement())

  private[sparkmesos] def suffixAfter(before: Int): String = if (before == 0) "" else f"-$before%04d"
}
