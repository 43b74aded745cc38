"""Who asks, and what they may: callers from tokens, and the rules of oslo.policy's files."""
