package org.apache.mesos

import java.util.{Collection, Collections}

import org.apache.mesos.Protos._
import org.apache.mesos.SchedulerDriverOverloads.NoRoles

/** The methods of Mesos' SchedulerDriver that are others with less to say. */
private[mesos] abstract class SchedulerDriverOverloads extends SchedulerDriver {
  def stop(): Status = stop(false)

  def launchTasks(offerIds: Collection[OfferID], tasks: Collection[TaskInfo], filters: Filters): Status = {
    val launch = Offer.Operation.newBuilder().setType(Offer.Operation.Type.LAUNCH)
      .setLaunch(Offer.Operation.Launch.newBuilder().addAllTaskInfos(tasks))
    acceptOffers(offerIds, Collections.singleton(launch.build()), filters)
  }
  def launchTasks(offerIds: Collection[OfferID], tasks: Collection[TaskInfo]): Status =
    launchTasks(offerIds, tasks, Filters.getDefaultInstance)
  def launchTasks(offerId: OfferID, tasks: Collection[TaskInfo], filters: Filters): Status =
    launchTasks(Collections.singleton(offerId), tasks, filters)
  def launchTasks(offerId: OfferID, tasks: Collection[TaskInfo]): Status =
    launchTasks(offerId, tasks, Filters.getDefaultInstance)

  def declineOffer(offerId: OfferID): Status = declineOffer(offerId, Filters.getDefaultInstance)

  // Those with roles are newer than the classes in the jars of Spark.
  def reviveOffers(roles: Collection[String]): Status
  def reviveOffers(): Status = reviveOffers(NoRoles)
  def suppressOffers(roles: Collection[String]): Status
  def suppressOffers(): Status = suppressOffers(NoRoles)
}

private[mesos] object SchedulerDriverOverloads {
  /** Stands for all of them. */
  private val NoRoles = Collections.emptyList[String]()
}
