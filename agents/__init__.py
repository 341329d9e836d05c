"""Role agents: thin classes over the model layer and the engines; prompts in `agents/prompts/`."""
