"""Carries out the planned steps in the local cloud."""

from dataclasses import replace

from one2one.admin.template.step import Action, Adapt, Create, Delete, Planned, Step
from one2one.opennebula.administration import (
    create_template,
    delete_template,
    update_template,
)
from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.errors import Refused
from one2one.opennebula.template import to_xml


def carry_out(cloud: Cloud, planned: Planned) -> Step:
    """Do one step and return it, with the reason if the cloud refuses; raises other errors."""
    try:
        return _carry_out(cloud, planned)
    except (Refused, ValueError) as error:
        cause = error.cause if isinstance(error, Refused) else str(error)
        return replace(planned.step, action=Action.FAILED.value, note=cause)


def _carry_out(cloud: Cloud, planned: Planned) -> Step:
    match planned:
        case Create(step, template):
            return replace(step, local_id=create_template(cloud, to_xml(template)))
        case Adapt(Step(local_id=int() as local_id) as step, adapt):
            # Read again, so that what its administrator wrote in the meantime stays.
            merged = adapt(cloud.get_template(local_id).template)
            if len(merged.written):
                update_template(cloud, local_id, to_xml(merged.written), Update.MERGE)
            return replace(step, changes=merged.changes)
        case Delete(Step(local_id=int() as local_id)):
            delete_template(cloud, local_id)
    return planned.step
