"""The reference server. Whatever of it is imported first, what it needs is looked at before."""

from fake_server import hidden

hidden.look()
