"""Language models: HH-RLHF with types that like lengths, on the ecosystem's own trainer."""
