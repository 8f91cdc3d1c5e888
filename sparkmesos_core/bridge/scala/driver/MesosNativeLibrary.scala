package org.apache.mesos

/** Loads nothing: the drivers of the bridge need no libmesos. Whoever asks for the native library gets them instead. */
class MesosNativeLibrary

object MesosNativeLibrary {
  def load(): Unit = ()
  def load(path: String): Unit = ()
}
