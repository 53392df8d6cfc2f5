"""What may be decided otherwise without changing the code: read once from the environment."""

from dataclasses import dataclass

from environs import Env
from nameko.extensions import DependencyProvider


@dataclass(frozen=True)
class Policy:
    """Decisions of the product. `one_kind_per_email`: an employer and a prescriber are two people, or one with two hats."""

    one_kind_per_email: bool = True


def read_policy() -> Policy:
    """The policy in force; its default is today's."""
    return Policy(one_kind_per_email=Env().bool("ACCOUNTS_ONE_KIND_PER_EMAIL", Policy.one_kind_per_email))


class Policies(DependencyProvider):
    """`self.policy`: the frozen decisions of the process."""

    def setup(self) -> None:
        self.policy = read_policy()

    def get_dependency(self, worker_ctx: object) -> Policy:
        return self.policy
