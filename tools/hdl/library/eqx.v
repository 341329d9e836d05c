// In two-valued logic nothing is X: a comparison by === with an X is false, by !== true.
(* techmap_celltype = "$eqx $nex" *)
module compare_with_x (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter _TECHMAP_CELLTYPE_ = "";
  parameter [A_WIDTH-1:0] _TECHMAP_CONSTMSK_A_ = 0;
  parameter [A_WIDTH-1:0] _TECHMAP_CONSTVAL_A_ = 0;
  parameter [B_WIDTH-1:0] _TECHMAP_CONSTMSK_B_ = 0;
  parameter [B_WIDTH-1:0] _TECHMAP_CONSTVAL_B_ = 0;
  localparam X_IN_A = ^(_TECHMAP_CONSTMSK_A_ & _TECHMAP_CONSTVAL_A_) === 1'bx;
  localparam X_IN_B = ^(_TECHMAP_CONSTMSK_B_ & _TECHMAP_CONSTVAL_B_) === 1'bx;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = !(X_IN_A || X_IN_B);
  assign Y = _TECHMAP_CELLTYPE_ == "$nex";
endmodule
