"""Students without autograd: networks and the update of Eq. 2 compiled for the CPU, the default where they fit."""
