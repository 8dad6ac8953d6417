"""Wrong in what chats are that have no life cycle: whose messages are the client's own, and whose answers are streamed."""
