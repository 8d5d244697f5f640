"""Email by SMTP: STARTTLS or TLS with the certificate verified, a timeout, text and HTML, threads by References."""

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, unquote

from driftwatch.domain.notification import Message, Receipt
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.monitors import reading
from driftwatch.notifiers.face import SUMMARY
from driftwatch.notifiers.letter import html_letter, subject_line, text_letter
from driftwatch.notifiers.secret import Reference, is_loopback, parse_reference, reject_unknown_keys, split_url

__all__ = ["EmailNotifier", "email_message"]

_KEYS = ("smtp_url", "to", "from", "starttls", "ca_file", "timeout_seconds")
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class EmailNotifier:
    """Sends to a list of addresses by one SMTP server.

    Attributes:
        smtp_url: where ``smtp[s]://user:password@host:port`` is kept.
        to: who gets it.
        sender: who it is from.
        starttls: ``always``, ``never``, or ``auto``: always, except to this machine itself.
        ca_file: certificates to trust instead of the system's, or None.
        timeout_seconds: for each step of the conversation.
    """

    smtp_url: Reference
    to: tuple[str, ...]
    sender: str
    starttls: str = "auto"
    ca_file: str | None = None
    timeout_seconds: float = 20.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, no address, or a password in clear.
        """
        reject_unknown_keys(options, _KEYS)
        value = options.get("smtp_url")
        parts = split_url(value) if isinstance(value, str) else None
        in_clear = parts is not None and parts.scheme in _PORTS and parts.password is None
        smtp_url = parse_reference(value, "smtp_url", allowed_in_clear=in_clear)
        to = reading.read_names(options.get("to"), "to")
        if not to:
            raise SpecError("nobody to write to; give a list of addresses", path="to")
        ca_file = reading.read_name(options.get("ca_file"), "ca_file")
        if ca_file is not None and not Path(ca_file).is_file():
            raise SpecError(f"there is no file {ca_file!r}", path="ca_file")
        return cls(
            smtp_url=smtp_url,
            to=tuple(_address(each, f"to[{position}]") for position, each in enumerate(to)),
            sender=_address(reading.read_name(options.get("from"), "from") or "", "from"),
            starttls=reading.read_choice(options.get("starttls", "auto"), "starttls", ("auto", "always", "never")),
            ca_file=ca_file,
            timeout_seconds=reading.read_number(options.get("timeout_seconds", 20), "timeout_seconds", low=1, high=120),
        )

    def send(self, message: Message) -> Receipt:
        """Hand the message to the server.

        Raises:
            DeliveryError: it was not taken for any of the addresses.
        """
        url = self._url()
        letter = email_message(message, to=self.to, sender=self.sender)
        where = f"The mail server {url.hostname}:{url.port or _PORTS[url.scheme]}"
        try:
            refused = self._converse(url, letter)
        except TimeoutError:
            raise DeliveryError(f"{where} did not answer within {self.timeout_seconds:g} s.", retryable=True) from None
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(
                f"{where} showed a certificate that is not trusted ({error.verify_message}). "
                "If it is your own, name its authority with ca_file.",
                retryable=True,
            ) from None
        except (OSError, ValueError) as error:  # smtplib's errors are OSErrors; it hides a time-out in one of them
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise DeliveryError(
                    f"{where} did not answer within {self.timeout_seconds:g} s.", retryable=True
                ) from None
            if isinstance(error, smtplib.SMTPException):
                raise _refusal(where, error) from None
            raise DeliveryError(f"{where} cannot be reached: {error}.", retryable=True) from None
        detail = "; ".join(f"{who} refused: {code} {_words(text)}" for who, (code, text) in refused.items())
        return Receipt(external_id=letter["Message-ID"], detail=detail or f"taken for {', '.join(self.to)}")

    def _url(self) -> SplitResult:
        parts = split_url(self.smtp_url.read())
        if parts is None or parts.scheme not in _PORTS:
            raise DeliveryError(
                f"smtp_url: {self.smtp_url.text} does not hold an address like smtp://user:password@host:587.",
                retryable=True,
            )
        return parts

    def _converse(self, url: SplitResult, letter: EmailMessage) -> dict[str, tuple[int, bytes]]:
        server = self._connect(url)
        try:
            if not isinstance(server, smtplib.SMTP_SSL) and self._encrypts(url):
                server.starttls(context=self._context())
            if url.username is not None:
                server.login(unquote(url.username), unquote(url.password or ""))
            refused = server.send_message(letter)
        except BaseException:
            server.close()
            raise
        # The message is taken: whatever goes wrong while parting must not send it again.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()
        return refused

    def _connect(self, url: SplitResult) -> smtplib.SMTP:
        host, port = str(url.hostname), url.port or _PORTS[url.scheme]
        if url.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port, timeout=self.timeout_seconds, context=self._context())
        if url.username is not None and not self._encrypts(url) and not is_loopback(host):
            raise DeliveryError(
                f"The password for {host} is not sent in clear. Use smtps:// or starttls: always.", retryable=False
            )
        return smtplib.SMTP(host, port, timeout=self.timeout_seconds)

    def _encrypts(self, url: SplitResult) -> bool:
        return self.starttls == "always" or (self.starttls == "auto" and not is_loopback(url.hostname))

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


def email_message(message: Message, *, to: tuple[str, ...], sender: str) -> EmailMessage:
    """The email: equal messages have equal ids, and all of one incident refer to the first."""
    letter = EmailMessage()
    domain = parseaddr(sender)[1].rpartition("@")[2]
    thread = sha256(message.dedup_key.encode()).hexdigest()[:32]
    letter["Subject"] = subject_line(message)
    letter["From"] = sender
    letter["To"] = ", ".join(to)
    letter["Date"] = formatdate(localtime=False)
    letter["Message-ID"] = f"<dw.{thread}.{message.number}@{domain}>"
    if message.number > 1 and message.reason != SUMMARY:  # a summary answers nothing
        letter["In-Reply-To"] = letter["References"] = f"<dw.{thread}.1@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Driftwatch-Incident"] = message.dedup_key
    letter.set_content(text_letter(message))
    letter.add_alternative(html_letter(message), subtype="html")
    return letter


def _address(text: str, path: str) -> str:
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(ord(character) < 32 for character in text):
        raise SpecError(f"{text!r} is not an email address; write person@example.com", path=path)
    return f"{name} <{address}>" if name else address


def _refusal(where: str, error: smtplib.SMTPException) -> DeliveryError:
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryError(
            f"{where} offers no STARTTLS, and mail is not sent in clear. Use smtps://, or starttls: never if the way "
            "to it is safe.",
            retryable=True,
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return DeliveryError(f"{where} refused the login ({error.smtp_code}). Check smtp_url.", retryable=True)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        said = "; ".join(f"{who}: {code} {_words(text)}" for who, (code, text) in error.recipients.items())
        return DeliveryError(f"{where} refused every address: {said}.", retryable=any(code < 500 for code in codes))
    if isinstance(error, smtplib.SMTPResponseException):
        said = f"{error.smtp_code} {_words(error.smtp_error)}"
        return DeliveryError(f"{where} refused the message: {said}.", retryable=error.smtp_code < 500)
    return DeliveryError(f"{where} broke off: {error}.", retryable=True)


def _words(text: bytes | str) -> str:
    return " ".join((text.decode("utf-8", "replace") if isinstance(text, bytes) else text).split())[:200]
