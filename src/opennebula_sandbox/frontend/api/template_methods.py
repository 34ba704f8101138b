"""The calls about VM templates."""

from collections.abc import Mapping

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.api.template import check_template_name
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import OWN, VmTemplate
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.cloud.wire.render import render_template
from opennebula_sandbox.frontend.oned.dispatch import Dispatch
from opennebula_sandbox.frontend.oned.pools import Pools


class TemplateMethods:
    """Answers the calls about VM templates."""

    def __init__(self, pools: Pools, profile: Profile, dispatch: Dispatch) -> None:
        self._pools = pools
        self._profile = profile
        self._dispatch = dispatch

    def methods(self) -> Mapping[str, Method]:
        """Return the calls by name."""
        return {
            "one.template.allocate": Method(self._allocate, (str,)),
            "one.template.delete": Method(self._delete, (int,), (bool,)),
            "one.template.info": Method(self._info, (int,), (bool, bool)),
            "one.template.instantiate": Method(self._instantiate, (int,), (str, bool, str, bool)),
            "one.template.update": Method(self._update, (int, str, int)),
            "one.templatepool.info": Method(self._pool, (int, int, int)),
        }

    def _parse(self, text: str) -> Template:
        return parse(text, trims=self._profile.trims)

    def _allocate(self, user: User, template: str) -> int:
        wanted = self._parse(template)
        name = check_template_name(wanted, user, self._pools.templates.values())
        number = max(self._pools.templates, default=-1) + 1
        self._pools.templates[number] = VmTemplate(
            id=number,
            uid=user.id,
            gid=user.group.id,
            uname=user.name,
            gname=user.group.name,
            name=name,
            template=remove(wanted, "NAME"),
            permissions=OWN,
            regtime=self._pools.now(),
        )
        return number

    def _delete(self, _user: User, template_id: int, _recursive: bool = False) -> int:
        del self._pools.templates[self._pools.find_template(template_id).id]
        return template_id

    def _info(self, _user: User, template_id: int, *_options: bool) -> str:
        return render_template(self._pools.find_template(template_id))

    def _update(self, _user: User, template_id: int, template: str, append: int) -> int:
        old = self._pools.find_template(template_id)
        old.template = merge(old.template if append else Template(), self._parse(template))
        return template_id

    def _pool(self, _user: User, _who: int, first: int, last: int) -> str:
        chosen = (
            render_template(template)
            for number, template in self._pools.templates.items()
            if first <= number and (last < 0 or number <= last)
        )
        return f"<VMTEMPLATE_POOL>{''.join(chosen)}</VMTEMPLATE_POOL>"

    def _instantiate(
        self,
        user: User,
        template_id: int,
        name: str = "",
        hold: bool = False,
        extra: str = "",
        _persistent: bool = False,
    ) -> int:
        template = self._pools.find_template(template_id)
        source = merge(template.template, self._parse(extra))
        return self._dispatch.create(source, template, name=name, owner=user, hold=hold).id
