"""A mailbox for demonstrations and tests: takes every mail by SMTP, delivers none, shows all in the browser."""
