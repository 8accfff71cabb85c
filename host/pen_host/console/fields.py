"""Forms: fields that keep what was typed and say, at the field and in words, what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from .presses import presses_of
from .widgets import Handler, icon, tag


@dataclass
class Field:
    """One field of a form.

    Attributes:
        name: Path of the field in what is sent, as `zones.0.depth_um`.
        value: What was typed or chosen, as text; for a tick "yes" or nothing.
    """

    name: str
    control: Element
    wrong: Element
    wrong_text: Element
    value: str = ""

    def complain(self, said: str) -> None:
        """Say at the field what is wrong with it, a sentence or a clause; nothing when it is right."""
        sentence = _sentence(said)
        self.wrong.set_visibility(bool(sentence))
        self.wrong_text._text = sentence
        self.wrong_text.update()
        self.control.props.update({"aria-invalid": "true" if sentence else "false"})


class Form:
    """Fields by their names, with one place for what concerns all of them.

    Args:
        of: What tells its fields from those of another form on the page.
    """

    def __init__(self, of: str = "") -> None:
        self._of = f"{of}-" if of else ""
        self.fields: dict[str, Field] = {}
        self._constants: dict[str, str] = {}
        self.note = tag("div", None, "note danger", role="alert")
        self.note.set_visibility(False)
        with self.note:
            icon("danger")
            with tag("div", None, "body"):
                self._said = tag("span", "")

    @classmethod
    def unmade(cls) -> Form:
        """A form without a place on the page yet."""
        made = cls.__new__(cls)
        made.fields, made._constants, made._of = {}, {}, ""
        return made

    def __getitem__(self, name: str) -> str:
        known = self._constants.get(name)
        return self.fields[name].value.strip() if known is None else known

    def clear(self) -> None:
        """No complaints."""
        self.say("")
        for field in self.fields.values():
            field.complain("")

    def say(self, sentence: str) -> None:
        """Say what is wrong with the whole; nothing when it is right."""
        self.note.set_visibility(bool(sentence))
        self._said._text = sentence
        self._said.update()

    def complain(self, sentence: str, errors: Iterable[tuple[str, str]]) -> None:
        """Take the complaints of a refused call: at the fields they name, the rest above."""
        loose = [message for name, message in errors if not self._at(name.removeprefix("answers."), message)]
        self.say(" ".join([sentence, *(message for message in loose if message not in sentence)]))

    def _at(self, name: str, message: str) -> bool:
        field = self.fields.get(name)
        if field is not None:
            field.complain(message)
        return field is not None

    def constant(self, name: str, value: str) -> None:
        """A value that nobody types."""
        self._constants[name] = value

    # --- kinds of fields ----------------------------------------------------------------------------------------------

    def text(self, name: str, label: str, value: str = "", hint: str = "", **attributes: object) -> Field:
        """A line of text."""
        return self._typed(
            "input", name, label, value, hint, {"type": "text", "autocomplete": "off", **attributes}
        )

    def words(self, name: str, label: str, value: str = "", hint: str = "", **attributes: object) -> Field:
        """Several lines."""
        return self._typed("textarea", name, label, value, hint, {"rows": 3, **attributes})

    def number(
        self, name: str, label: str, unit: str, value: str = "", hint: str = "", **attributes: object
    ) -> Field:
        """A number with its unit beside it. It stays text until it is understood: what was typed is never lost."""
        extra = {"type": "text", "inputmode": "decimal", "autocomplete": "off", "unit": unit, **attributes}
        return self._typed("input", name, label, value, hint, extra)

    def choice(
        self, name: str, label: str, options: Mapping[str, str], value: str = "", hint: str = ""
    ) -> Field:
        """One of several, in a list that the system draws: the same for finger, key and reader."""
        with tag("div", None, "field"):
            tag("label", label, for_=f"f-{self._of}{name}")
            control = tag("select", None, "input", id=f"f-{self._of}{name}")
            field = self._field(name, control, value, hint)
            with control:
                for key, said in options.items():
                    made = tag("option", said, value=key)
                    if key == value:
                        made.props("selected")
        self._listen(field, "change", "e.target.value")
        return field

    def file(self, name: str, label: str, accept: str, hint: str = "") -> Field:
        """A file of this computer, or of its camera; a script of the page sends it."""
        with tag("div", None, "field"):
            tag("label", label, for_=f"f-{self._of}{name}")
            control = tag("input", None, "input", type="file", id=f"f-{self._of}{name}", accept=accept)
            return self._field(name, control, "", hint)

    def tick(self, name: str, label: str, *, value: bool = False, hint: str = "") -> Field:
        """Yes when ticked."""
        with tag("div", None, "field"):
            with tag("label", None, "tick"):
                control = tag("input", None, "", type="checkbox", id=f"f-{self._of}{name}")
                if value:
                    control.props("checked")
                tag("span", label)
            field = self._field(name, control, "yes" if value else "", hint)
        self._listen(field, "change", "e.target.checked ? 'yes' : ''")
        return field

    def yes_no(
        self, name: str, group: Element, words: tuple[str, str], value: bool | None, changed: Handler
    ) -> Field:
        """Two fat buttons, neither pressed before there is an answer; `group` is the row that names the question."""
        group.props("role=radiogroup")
        with group, tag("div", None, "yesno"):
            inputs = []
            for key, word in zip(("yes", "no"), words, strict=True):
                with tag("label"):
                    made = tag("input", None, "", type="radio", name=f"f-{self._of}{name}", value=key)
                    if value is not None and (key == "yes") is value:
                        made.props("checked")
                    tag("span", word)
                inputs.append(made)
        known = "" if value is None else "yes" if value else "no"
        with group:
            field = self._field(name, group, known, "")
        for made, key in zip(inputs, ("yes", "no"), strict=True):
            self._choose(field, made, key, changed)
        return field

    def cards(
        self,
        name: str,
        label: str,
        options: Iterable[tuple[str, Callable[[], object]]],
        value: str = "",
        changed: Handler | None = None,
    ) -> Field:
        """One of several, each told on a card of its own."""
        with tag("fieldset", None, "field"):
            tag("legend", label, "label unseen" if not label else "label")
            group = tag("div", None, "choices")
            made_inputs = []
            with group:
                for key, body in options:
                    with tag("label", None, "choice"):
                        made = tag("input", None, "", type="radio", name=f"f-{self._of}{name}", value=key)
                        if key == value:
                            made.props("checked")
                        with tag("span", None, "body"):
                            body()
                    made_inputs.append((made, key))
            field = self._field(name, group, value, "")
        for made, key in made_inputs:
            self._choose(field, made, key, changed)
        return field

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _typed(
        self, kind: str, name: str, label: str, value: str, hint: str, attributes: dict[str, Any]
    ) -> Field:
        unit = attributes.pop("unit", None)
        with tag("div", None, "field"):
            tag("label", label, for_=f"f-{self._of}{name}")
            if unit:
                with tag("div", None, "with-unit"):
                    control = tag(kind, None, "input number", id=f"f-{self._of}{name}", **attributes)
                    tag("span", unit, "unit")
            else:
                control = tag(kind, None, "input", id=f"f-{self._of}{name}", **attributes)
            if kind == "textarea":
                control._text = value
            else:
                # as the attribute, which is what a field begins with: as the property it would be set again and again,
                # over what was typed since
                control.props.update({"^value": value})
            field = self._field(name, control, value, hint)
        self._listen(field, "input", "e.target.value")
        return field

    def _field(self, name: str, control: Element, value: str, hint: str) -> Field:
        """Hint and complaint below the control, tied to it for readers."""
        described = []
        if hint:
            tag("div", hint, "hint", id=f"h-{self._of}{name}")
            described.append(f"h-{self._of}{name}")
        wrong = tag("div", None, "wrong", id=f"w-{self._of}{name}", role="alert")
        with wrong:
            icon("warn")
            said = tag("span", "")
        wrong.set_visibility(False)
        control.props.update({"aria-describedby": " ".join([*described, f"w-{self._of}{name}"])})
        field = self.fields[name] = Field(name, control, wrong, said, value)
        return field

    def _listen(self, field: Field, event: str, read: str) -> None:
        def take(event: GenericEventArguments) -> None:
            field.value = str(event.args)
            presses_of(event.client).changed()

        field.control.on(event, take, js_handler=f"(e) => emit({read})")

    def _choose(self, field: Field, control: Element, key: str, changed: Handler | None) -> None:
        def take() -> object:
            field.value = key
            presses_of(control.client).changed()
            return changed() if changed else None

        control.on("change", take, args=[])


def _sentence(said: str) -> str:
    """A clause with its capital letter and full stop; a sentence as it is."""
    return said[:1].upper() + said[1:] + ("" if not said or said.endswith((".", "?", "!", ":")) else ".")
