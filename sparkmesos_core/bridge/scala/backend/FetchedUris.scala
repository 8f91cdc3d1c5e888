package org.sparkmesos.backend

import java.nio.charset.StandardCharsets.UTF_8
import java.util.regex.Matcher

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import org.sparkmesos.bridge.StartAdvice

/** Something that agents fetch into a sandbox.
  *
  * @param value what Mesos is told; it may hold a password or a signature
  * @param name what it is called in the sandbox
  * @param outputFile the same, where Mesos has to be told: it takes a query for a part of the name
  */
final case class FetchedUri(value: String, name: String, outputFile: Option[String]) {
  /** A v1 CommandInfo.URI. Mesos unpacks archives unless it is told not to. */
  def json(cache: Boolean): ObjectNode = {
    val uri = JsonNodeFactory.instance.objectNode().put("value", value).put("cache", cache)
    outputFile.foreach(uri.put("output_file", _))
    uri
  }

  override def toString: String = s"FetchedUri($name)"
}

/** URIs as Mesos' fetcher understands them (docs/fetcher.md, `Fetcher::basename`), by the same rules as those of drivers in
  * cluster mode (sparkmesos_core/launch/fetched_uris.py), so that both find them in an agent's cache.
  */
object FetchedUris {
  // The schemes for which what follows a ? or # is not of the file's name.
  private val WithQuery = Set("http", "https", "ftp", "ftps")
  private val Escapes = "(?:%[0-9A-Fa-f]{2})+".r

  /** Those of a comma list, the value of `property`. Throws SettingsError as `one` does. */
  def parse(conf: Map[String, String], property: String): Seq[FetchedUri] =
    SettingValues.list(conf.getOrElse(property, "")).map(one(_, property))

  /** One URI, or a path of the agent. For Mesos `file:/path` is a relative path and `local:` nothing at all, so both become the
    * path that they mean. A signed URL is named for its path, without which Mesos would not unpack it. Throws SettingsError,
    * which names `property`, if it names no file, and for characters that Mesos refuses.
    */
  def one(text: String, property: String): FetchedUri = {
    val uri = text.trim
    def fail(what: String) = throw new SettingsError(s"$property: ${StartAdvice.shown(uri)} $what.")
    def lastSegment(path: String): String = {
      val name = path.substring(path.lastIndexOf('/') + 1)
      if (Set("", ".", "..")(name)) fail("names no file. Write the URI of a file that agents can fetch")
      name
    }
    def withoutEnd(path: String) = path.reverse.dropWhile(_ == '/').reverse

    val found = uri.indexOf("://") match {
      case _ if agentPath(uri).isDefined =>
        val path = agentPath(uri).get
        FetchedUri(if (uri.startsWith("file:///") && !uri.contains('%')) uri else path, lastSegment(withoutEnd(path)), None)
      case -1 => FetchedUri(uri, lastSegment(withoutEnd(uri)), None)
      case end =>
        val hasQuery = WithQuery(uri.substring(0, end).toLowerCase)
        val rest = uri.substring(end + 3)
        val plain = if (hasQuery) rest.takeWhile(c => c != '?' && c != '#') else rest
        val value = if (hasQuery) uri.replace(" ", "%20") else uri // which nobody fetches as it is
        // What follows a slash is the name: without one there is only a host.
        val name = lastSegment(if (plain.contains('/')) plain else "")
        FetchedUri(value, name, if (value.endsWith(s"/$name")) None else Some(name))
    }
    if (found.value.exists(c => c == '\\' || c == '\'' || c == 0))
      fail("has a character that Mesos refuses in URIs. Rename the file: no backslash, no single quote")
    found
  }

  /** The path that a `file:` or `local:` URI means, without escapes and authority; None for any other. */
  private def agentPath(uri: String): Option[String] = {
    val (scheme, rest) = uri.span(_ != ':')
    if (!Set("file", "local")(scheme.toLowerCase) || rest.isEmpty) None
    else Some(unescaped(if (rest.startsWith("://")) "/" + rest.drop(3).dropWhile(_ != '/').drop(1) else rest.drop(1)))
  }

  private def unescaped(path: String) = Escapes.replaceAllIn(path, run => Matcher.quoteReplacement(
    new String(run.matched.split('%').drop(1).map(Integer.parseInt(_, 16).toByte), UTF_8)))
}
