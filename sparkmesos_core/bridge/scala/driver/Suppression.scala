package org.apache.mesos

import java.util.Collection

import scala.collection.JavaConverters._

import org.apache.mesos.Protos.FrameworkInfo

/** Which roles of a framework want no offers at the moment.
  *
  * @param isOfAll all of them, since that was asked for without naming any
  * @param roles those that were named one by one
  */
private[mesos] final case class Suppression(isOfAll: Boolean, roles: Seq[String]) {
  /** These roles want offers again; all do if none is named. */
  def without(some: Collection[String], framework: FrameworkInfo): Suppression =
    if (some.isEmpty) Suppression(isOfAll = false, Nil)
    else {
      val before = if (isOfAll) Suppression.rolesOf(framework) else roles
      Suppression(isOfAll = false, before.filterNot(role => some.contains(role)))
    }

  /** These roles want none either; none does if none is named. */
  def and(some: Collection[String]): Suppression =
    if (some.isEmpty) copy(isOfAll = true) else copy(roles = (roles ++ some.asScala).distinct)
}

private[mesos] object Suppression {
  private def rolesOf(framework: FrameworkInfo): Seq[String] =
    framework.getRolesList.asScala.toList ++ (if (framework.hasRole) Seq(framework.getRole) else Nil)
}
