"""Students in torch: any network, any policy, with or without memory, on any device."""
