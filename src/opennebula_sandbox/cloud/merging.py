"""Merges a template and the extra template of an instantiate.

Source: ``Template::merge``, ``Template::check_restricted``.
"""

from collections.abc import Iterable

from one2one.opennebula.template import Template


def merge(base: Template, extra: Template) -> Template:
    """Return *base*, in which the attributes of *extra* replace those with the same name.

    An empty vector in *extra* removes the attribute.
    """
    replaced = {name for name, _ in extra}
    kept = [(name, value) for name, value in base if name not in replaced]
    return Template([*kept, *((name, value) for name, value in extra if value != {})])


def remove(template: Template, *names: str) -> Template:
    """Return *template* without the attributes *names*."""
    return Template((name, value) for name, value in template if name not in names)


def find_restricted(extra: Template, base: Template, names: Iterable[str]) -> str | None:
    """Return the first of the restricted *names* whose value in *extra* differs from *base*."""
    for path in sorted(names):
        name, _, member = path.partition("/")
        if member:
            new, old = (
                [vector[member] for vector in template.vectors(name) if member in vector]
                for template in (extra, base)
            )
            if new and new != old:
                return name
        elif any(key == name for key, _ in extra) and extra.text(name) != base.text(name):
            return name
    return None
