"""Accounts: people, addresses, passwords, sessions. The table of contents."""

from chassis.desk import parked_desk
from chassis.inbox import handles
from chassis.providers import Calls, Database, Settings
from chassis.serve import serves
from chassis.timer import every
from chassis.tokens import random_token
from contracts import accounts as contract
from contracts import organizations
from services.accounts import accepting, actions, joining, passwords


class Accounts(parked_desk("accounts")):  # type: ignore[misc]
    """Who somebody is, and that it is them."""

    name = "accounts"
    db = Database()
    call = Calls()
    settings = Settings()

    @serves(contract.sign_up_employer)
    def sign_up_employer(self, *, magic_link_token, password, accepts_terms, **person):
        link = self.call.as_service(organizations.get_magic_link, token=magic_link_token)
        name = link["structure"]["name"]
        password_hash = passwords.make_hash(password, accepts_terms=accepts_terms, structure_name=name, **person)
        made = {"password_hash": password_hash, "link": link, "token_key": self.settings.token_key}
        return self.db.change(actions.sign_up_employer, **made, **person)

    @serves(contract.sign_up_invited)
    def sign_up_invited(self, *, claim, password, accepts_terms, **names):
        return accepting.sign_up_invited(
            self.db, self.settings, claim=claim, password=password, accepts_terms=accepts_terms, **names
        )

    @serves(contract.get_email_confirmation)
    def get_email_confirmation(self, **request):
        return self.db.read(actions.get_email_confirmation, **request)

    @serves(contract.confirm_email)
    def confirm_email(self, *, token, password):
        # Attempts per link are to be counted here, before the hash, as in log_in.
        sign_up = self.db.step(actions.find_sign_up, token=token)
        is_right = passwords.matches(password, sign_up.password_hash)
        confirmed = self.db.change(actions.confirm_email, token=token, sign_up=sign_up, is_its_password=is_right)
        joining.claim_at_once(self.db, self.call, token=token)
        return confirmed

    @handles(contract.EmailConfirmed)
    def claim_remembered_structure(self, *, account_id):
        join = self.db.step(actions.find_join_of_account, account_id=account_id)
        outcome = joining.claim_structure(self.call, join)
        self.db.change(actions.settle_join, account_id=account_id, outcome=outcome)

    @every(seconds=30)
    def resume_joins(self):
        joining.resume_joins(self.db, self.call)

    @serves(contract.log_in)
    def log_in(self, *, email, password):
        # Attempts per address and per source are to be counted here, before the hash: reserved first, verified then.
        credentials = self.db.step(actions.find_credentials, email=email)
        passwords.check(password, credentials.password_hash)
        made = {"session_token": random_token(), "token_key": self.settings.token_key}
        return actions.check_is_opened(self.db.step(actions.log_in, credentials=credentials, **made))

    @serves(contract.log_out)
    def log_out(self, **request):
        return self.db.change(actions.log_out, **request)

    @serves(contract.get_session)
    def get_session(self, **request):
        return self.db.read(actions.get_session, **request)

    @serves(contract.get_account)
    def get_account(self, **request):
        return self.db.read(actions.get_account, **request)

    @serves(contract.get_contacts)
    def get_contacts(self, **request):
        return self.db.read(actions.get_contacts, **request)

    @serves(contract.get_mail_link)
    def get_mail_link(self, **request):
        link = {"token_key": self.settings.token_key, "public_url": self.settings.public_url}
        return self.db.read(actions.get_mail_link, **link, **request)

    @serves(contract.create_staff)
    def create_staff(self, *, password, **person):
        password_hash = passwords.make_hash(password, accepts_terms=True, **person)
        return self.db.change(actions.create_staff, password_hash=password_hash, **person)

    @every(seconds=3600)
    def forget_old_sessions(self):
        self.db.step(actions.forget_old_sessions)

    @every(seconds=3600)
    def erase_unconfirmed(self):
        self.db.step(actions.erase_unconfirmed)
