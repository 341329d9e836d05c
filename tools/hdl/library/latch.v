// Latches of Yosys onto the library's one.
module \$_DLATCH_P_ (input E, D, output Q);
  LATCH _TECHMAP_REPLACE_ (.E(E), .D(D), .Q(Q));
endmodule
