"""RV32I: an instruction-set simulator as black box, and an independent reference to prove against."""
