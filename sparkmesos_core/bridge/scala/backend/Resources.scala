package org.sparkmesos.backend

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

/** How much there is of a resource of an offer. */
sealed trait Amount
/** @param thousandths Mesos counts scalars to three decimals (`Value::Scalar`), so that this is exact */
final case class ScalarAmount(thousandths: Long) extends Amount
final case class RangesAmount(ranges: Seq[(Long, Long)]) extends Amount

/** A resource of an offer: so much of a name, for one role, of one reservation.
  *
  * @param json the whole of it as Mesos sent it. What is taken of it keeps its role, reservations and whatever else
  *             there is, for Mesos takes it for another resource without. Nobody changes it.
  */
final case class Resource(name: String, amount: Amount, json: ObjectNode) {
  private[backend] def of(some: Amount): Resource = {
    val copy = json.deepCopy()
    some match {
      case ScalarAmount(thousandths) => copy.putObject("scalar").put("value", thousandths / 1000.0)
      case RangesAmount(ranges) =>
        val list = copy.putObject("ranges").putArray("range")
        ranges.foreach { case (begin, end) => list.addObject().put("begin", begin).put("end", end) }
    }
    Resource(name, some, copy)
  }
}

object Resource {
  /** Reads a Resource of the v1 API; None if it is neither a scalar nor ranges: executors need nothing of such. */
  def parse(json: JsonNode): Option[Resource] = json match {
    case whole: ObjectNode =>
      val amount = whole.path("type").asText match {
        case "SCALAR" => Some(ScalarAmount(math.round(whole.path("scalar").path("value").asDouble * 1000)))
        case "RANGES" => Some(RangesAmount(ranges(whole)))
        case _ => None
      }
      amount.map(Resource(whole.path("name").asText, _, whole))
    case _ => None
  }

  private[backend] def ranges(json: JsonNode): Seq[(Long, Long)] =
    json.path("ranges").path("range").elements.asScala.map { one =>
      one.path("begin").asLong -> one.path("end").asLong
    }.toSeq
}

/** Taking parts of an offer, as Spark does (`MesosSchedulerUtils.partitionResources`): in the order of the offer,
  * whatever role or reservation it comes to.
  */
object Resources {
  /** All there is of a scalar, in thousandths, over roles and reservations. */
  def total(name: String, resources: Seq[Resource]): Long =
    resources.collect { case Resource(`name`, ScalarAmount(amount), _) => amount }.sum

  /** What of a scalar is taken, piece by piece, and what is left of all resources; less than asked where there is not
    * enough.
    */
  def take(name: String, thousandths: Long, resources: Vector[Resource]): (Vector[Resource], Vector[Resource]) = {
    val start = (Vector.empty[Resource], Vector.empty[Resource], thousandths)
    val (taken, left, _) = resources.foldLeft(start) {
      case ((taken, left, missing), one @ Resource(`name`, ScalarAmount(there), _)) if missing > 0 && there > 0 =>
        val some = math.min(missing, there)
        val rest = if (there > some) Vector(one.of(ScalarAmount(there - some))) else Vector.empty
        (taken :+ one.of(ScalarAmount(some)), left ++ rest, missing - some)
      case ((taken, left, missing), other) => (taken, left :+ other, missing)
    }
    (taken, left)
  }

  /** One port, and what is left of all resources; None if it is not among them. */
  def takePort(port: Long, resources: Vector[Resource]): Option[(Resource, Vector[Resource])] = {
    def holds(range: (Long, Long)) = range._1 <= port && port <= range._2
    val found = resources.zipWithIndex.collectFirst {
      case (one @ Resource("ports", RangesAmount(ranges), _), index) if ranges.exists(holds) => (one, ranges, index)
    }
    found.map { case (one, ranges, index) =>
      val (before, range +: behind) = ranges.span(!holds(_)): @unchecked
      val parts = Seq((range._1, port - 1), (port + 1, range._2)).filter { case (begin, end) => begin <= end }
      val left = before ++ parts ++ behind
      val rest = if (left.isEmpty) Vector.empty else Vector(one.of(RangesAmount(left)))
      (one.of(RangesAmount(Seq(port -> port))), resources.patch(index, rest, 1))
    }
  }
}
