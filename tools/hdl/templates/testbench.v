// Self-checking testbench of module @TOP@: @ROWS@ rows recorded with @SIMULATOR@.
//
// With Icarus:    iverilog -g2012 -s @NAME@ -o sim design.sv testbench.sv && vvp sim
// With Verilator: verilator --binary --timing -Wno-fatal --top-module @NAME@ design.sv testbench.sv
//                 obj_dir/V@NAME@
//
// One vector is one row: inputs change while the clock rests, the outputs are checked
// before the active edge and again after it. A combinational module is checked once a row.

module @NAME@;
@WIRES@

  integer tb_row, tb_values, tb_wrong;
  reg [@VECTOR@-1:0] tb_vectors [0:@ROWS@-1];
@FIELDS@

  @DUT@

  // Compare one output; only the bits set in tb_care count.
  task tb_check(
    input [@NAME_BITS@-1:0] tb_signal,
    input [6*8-1:0] tb_phase,
    input [@WIDTH@-1:0] tb_got,
    input [@WIDTH@-1:0] tb_expected,
    input [@WIDTH@-1:0] tb_mask);
  begin
    if (tb_mask != 0) begin
      tb_values = tb_values + 1;
      if (((tb_got ^ tb_expected) & tb_mask) !== 0) begin
        tb_wrong = tb_wrong + 1;
        if (tb_wrong <= @SHOWN@)
          $display("row %0d, %0s the edge: %0s is %0h, expected %0h (bits that count: %0h)",
                   tb_row, tb_phase, tb_signal, tb_got, tb_expected, tb_mask);
      end
    end
  end
  endtask

  localparam [@CARE@-1:0] tb_ALL = ~0;
  localparam [@CARE@-1:0] tb_NONE = 0;

  initial begin
    // Inputs, outputs before the edge, outputs after it, and which of their bits count.
@VECTORS@

    tb_values = 0; tb_wrong = 0;
@POWER_UP@
    #10;
    for (tb_row = 0; tb_row < @ROWS@; tb_row = tb_row + 1) begin
@ROW@
    end
    if (tb_wrong == 0) begin
      $display("PASS: %0d values checked in %0d rows", tb_values, tb_row);
      $finish;
    end else begin
      $display("FAIL: %0d of %0d values wrong in %0d rows", tb_wrong, tb_values, tb_row);
      $fatal(1);
    end
  end
endmodule
