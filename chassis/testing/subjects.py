"""Who asks, in tests."""

from uuid import UUID

from chassis.subject import Subject, service_subject
from contracts.vocabulary import SubjectKind

VISITOR = Subject(issuer="gateway", kind=SubjectKind.VISITOR)


def employer(account_id: UUID) -> Subject:
    return Subject(issuer="gateway", kind=SubjectKind.EMPLOYER, account_id=account_id)


def prescriber(account_id: UUID) -> Subject:
    return Subject(issuer="gateway", kind=SubjectKind.PRESCRIBER, account_id=account_id)


def staff(account_id: UUID) -> Subject:
    return Subject(issuer="gateway", kind=SubjectKind.STAFF, account_id=account_id)


def service(name: str) -> Subject:
    return service_subject(name)
