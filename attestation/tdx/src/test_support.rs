//! Evidence under a root made on the spot.
