"""The scripted LLM: drives a server through every kind of turn. See docs/scripted-llm.md."""
