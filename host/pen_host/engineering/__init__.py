"""Engineers' tools: build the files of a pen, compare them with what it holds, put them there."""
