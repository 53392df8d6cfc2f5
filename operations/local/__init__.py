"""The whole system on one machine: private servers, every service, a mailbox."""
