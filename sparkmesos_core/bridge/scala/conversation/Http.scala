package org.sparkmesos.bridge

import java.io.{BufferedInputStream, ByteArrayOutputStream, EOFException, FileInputStream, IOException, InputStream}
import java.net.{InetSocketAddress, Socket}
import java.nio.charset.StandardCharsets.{ISO_8859_1, UTF_8}
import java.security.KeyStore
import java.security.cert.{CertificateException, CertificateFactory}
import java.util.Locale
import javax.net.ssl.{SSLContext, SSLSocket, SSLSocketFactory, TrustManagerFactory}

/** Where a master listens. `host` is without brackets. */
final case class Endpoint(https: Boolean, host: String, port: Int) {
  /** host:port as it is written in a URL. */
  def authority: String = (if (host.contains(":")) s"[$host]" else host) + ":" + port
  override def toString: String = if (https) s"https://$authority" else authority
}

object Endpoint {
  val DefaultPort = 5050

  /** Reads host, host:port, [v6]:port, http://…, https://…, and the scheme-less //host:port of Mesos' redirects.
    * A path behind the port is ignored. `https` holds when no scheme is given, port 5050 when no port is.
    */
  def parse(text: String, https: Boolean): Endpoint = read(text, https, _ => DefaultPort)

  /** Reads the Location of a redirect: as `parse`, but without a port it means that of the scheme (RFC 9110, 4.2). Mesos
    * always names one.
    */
  def redirect(location: String, https: Boolean): Endpoint = read(location, https, secure => if (secure) 443 else 80)

  private def read(text: String, https: Boolean, defaultPort: Boolean => Int): Endpoint = {
    val (secure, rest) =
      if (text.startsWith("https://")) (true, text.substring(8))
      else if (text.startsWith("http://")) (false, text.substring(7))
      else if (text.startsWith("//")) (https, text.substring(2))
      else (https, text)
    val authority = rest.takeWhile(c => c != '/' && c != '?')
    def bad(why: String) = throw new IllegalArgumentException(s"'$text' is no address of a Mesos master: $why")
    val bracket = authority.indexOf(']')
    if (authority.startsWith("[") && bracket < 0) bad("the bracket is not closed")
    val colon = authority.indexOf(':', math.max(bracket, 0))
    val host = (if (colon < 0) authority else authority.substring(0, colon)).stripPrefix("[").stripSuffix("]")
    if (host.isEmpty) bad("it names no host")
    if (host.contains("@")) bad("credentials do not belong into it")
    val port =
      if (colon < 0) defaultPort(secure)
      else
        try authority.substring(colon + 1).toInt
        catch { case _: NumberFormatException => bad(s"'${authority.substring(colon + 1)}' is no port") }
    if (port < 1 || port > 65535) bad(s"$port is no port")
    Endpoint(secure, host, port)
  }
}

/** One HTTP/1.1 request and its answer, on a connection of its own. Plain sockets instead of HttpURLConnection,
  * because another thread must be able to close a connection whose reader waits, because the time limit changes while
  * an answer is being read (heartbeats), and because a call to Mesos must never be repeated silently.
  */
final class Exchange(endpoint: Endpoint, connectMillis: Int) {
  private val raw = new Socket()
  private var input: InputStream = _
  private var headers = Map.empty[String, String]
  var status = 0
  var body: InputStream = _
  /** False until the first byte of the request may have reached the master. */
  @volatile var sent = false

  def header(name: String): Option[String] = headers.get(name.toLowerCase(Locale.ROOT))

  /** Ends the exchange from any thread: a blocked reader gets an exception at once. */
  def close(): Unit =
    try raw.close() // never the TLS socket: its close may wait for the reader
    catch { case _: IOException => }

  /** How long a read may wait for the next byte; 0 for ever. */
  def readMillis(millis: Int): Unit = raw.setSoTimeout(millis)

  /** Sends the request and reads the answer up to its body. */
  def send(method: String, path: String, extra: Seq[(String, String)], content: Array[Byte], millis: Int): this.type = {
    raw.setTcpNoDelay(true)
    raw.setKeepAlive(true)
    raw.connect(new InetSocketAddress(endpoint.host, endpoint.port), connectMillis)
    raw.setSoTimeout(millis)
    val socket = if (endpoint.https) Exchange.tls(raw, endpoint) else raw
    val head = new StringBuilder(s"$method $path HTTP/1.1\r\nHost: ${endpoint.authority}\r\n")
    val fixed = Seq("User-Agent" -> "sparkmesos", "Content-Length" -> content.length.toString)
    (fixed ++ extra).foreach { case (name, value) => head.append(name).append(": ").append(value).append("\r\n") }
    val out = socket.getOutputStream
    val message = new ByteArrayOutputStream(head.length + content.length + 2)
    message.write(head.append("\r\n").toString.getBytes(ISO_8859_1))
    message.write(content)
    sent = true
    out.write(message.toByteArray)
    out.flush()
    input = new BufferedInputStream(socket.getInputStream, 65536)
    input.mark(1)
    if (input.read() == Exchange.TlsAlert) throw new Hopeless(s"$endpoint speaks TLS: write https:// before its name")
    input.reset()
    readHead()
    this
  }

  /** The whole body as text, at most `limit` bytes of it. */
  def text(limit: Int): String = {
    val out = new ByteArrayOutputStream()
    val buffer = new Array[Byte](8192)
    var n = 0
    while (n >= 0 && out.size < limit) {
      n = body.read(buffer, 0, math.min(buffer.length, limit - out.size))
      if (n > 0) out.write(buffer, 0, n)
    }
    new String(out.toByteArray, UTF_8)
  }

  private def readHead(): Unit = {
    var line = Exchange.line(input)
    val words = line.split(" ", 3)
    if (words.length < 2 || !words(0).startsWith("HTTP/1.")) throw new IOException(s"$endpoint does not speak HTTP: $line")
    status =
      try words(1).toInt
      catch { case _: NumberFormatException => throw new IOException(s"$endpoint answered $line") }
    line = Exchange.line(input)
    while (line.nonEmpty) {
      val colon = line.indexOf(':')
      if (colon > 0) headers += line.substring(0, colon).trim.toLowerCase(Locale.ROOT) -> line.substring(colon + 1).trim
      line = Exchange.line(input)
    }
    if (status / 100 == 1) { headers = Map.empty; readHead() } // 100 Continue and its like
    else if (header("Transfer-Encoding").exists(_.toLowerCase(Locale.ROOT).contains("chunked")))
      body = new Chunked(input)
    else body = header("Content-Length").map(n => new Bounded(input, Exchange.length(n, 10))).getOrElse(input)
  }
}

object Exchange {
  /** Names a PEM file of CA certificates: then only these vouch for https masters, not those of the Java runtime. */
  val CaFileVariable = "SPARKMESOS_CA_FILE"

  private val MaxLine = 65536
  private val TlsAlert = 21 // the first byte with which a TLS server complains of plain HTTP

  def line(in: InputStream): String = {
    val out = new ByteArrayOutputStream(80)
    var c = in.read()
    while (c != '\n') {
      if (c < 0) throw new EOFException("the connection was closed")
      if (out.size > MaxLine) throw new IOException("a line of more than 64 KiB")
      out.write(c)
      c = in.read()
    }
    out.toString("ISO-8859-1").stripSuffix("\r")
  }

  /** A length in an answer. */
  def length(text: String, radix: Int): Long = {
    val number =
      try java.lang.Long.parseLong(text, radix)
      catch { case _: NumberFormatException => -1L }
    if (number < 0) throw new IOException(s"the answer is no HTTP: '$text' is no length")
    number
  }

  private def tls(raw: Socket, endpoint: Endpoint): Socket = {
    val socket = factory.createSocket(raw, endpoint.host, endpoint.port, true).asInstanceOf[SSLSocket]
    val parameters = socket.getSSLParameters
    parameters.setEndpointIdentificationAlgorithm("HTTPS") // the certificate must be for this host
    socket.setSSLParameters(parameters)
    socket.startHandshake()
    socket
  }

  /** Whether masters are taken to speak TLS where nothing says so: who names a CA file wants that. */
  def expectsTls: Boolean = caFile.isDefined

  private def caFile = Option(System.getenv(CaFileVariable)).filter(_.nonEmpty)

  private lazy val factory: SSLSocketFactory = caFile match {
    case None => SSLSocketFactory.getDefault.asInstanceOf[SSLSocketFactory]
    case Some(file) =>
      def unusable(why: String) = throw new Hopeless(s"$CaFileVariable=$file is of no use: $why")
      val store = KeyStore.getInstance(KeyStore.getDefaultType)
      store.load(null, null)
      val in =
        try new FileInputStream(file)
        catch { case e: IOException => unusable(e.getMessage) }
      try {
        val all = CertificateFactory.getInstance("X.509").generateCertificates(in).iterator()
        var n = 0
        while (all.hasNext) { store.setCertificateEntry("ca" + n, all.next()); n += 1 }
        if (n == 0) unusable("it holds no certificate")
      } catch { case e: CertificateException => unusable(e.getMessage) }
      finally in.close()
      val trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm)
      trust.init(store)
      val context = SSLContext.getInstance("TLS")
      context.init(null, trust.getTrustManagers, null)
      context.getSocketFactory
  }
}

/** A body of known length; an early end is an error. */
private final class Bounded(in: InputStream, length: Long) extends InputStream {
  private var left = length
  override def read(): Int = { val one = new Array[Byte](1); if (read(one, 0, 1) < 0) -1 else one(0) & 0xff }
  override def read(buffer: Array[Byte], offset: Int, count: Int): Int =
    if (left == 0) -1
    else {
      val n = in.read(buffer, offset, math.min(count.toLong, left).toInt)
      if (n < 0) throw new EOFException("the connection was closed")
      left -= n
      n
    }
}

/** A body in chunks; the borders between them mean nothing. */
private final class Chunked(in: InputStream) extends InputStream {
  private var left = 0L
  private var first = true
  private var ended = false
  override def read(): Int = { val one = new Array[Byte](1); if (read(one, 0, 1) < 0) -1 else one(0) & 0xff }
  override def read(buffer: Array[Byte], offset: Int, count: Int): Int = {
    if (left == 0 && !ended) nextChunk()
    if (ended) -1
    else {
      val n = in.read(buffer, offset, math.min(count.toLong, left).toInt)
      if (n < 0) throw new EOFException("the connection was closed")
      left -= n
      n
    }
  }
  private def nextChunk(): Unit = {
    if (!first) Exchange.line(in)
    first = false
    left = Exchange.length(Exchange.line(in).takeWhile(_ != ';').trim, 16)
    if (left == 0) {
      ended = true
      while (Exchange.line(in).nonEmpty) {}
    }
  }
}
