"""Our own twin: a host whose providers have a hidden state that answers to what is sent to them."""
