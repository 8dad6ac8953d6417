"""What requests may say: how it is read, who may do it, and how a refusal is worded. No state."""
