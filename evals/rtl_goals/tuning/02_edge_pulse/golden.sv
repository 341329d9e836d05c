module edge_pulse (input clk, input rst, input sig, output rise, output fall);
    reg d;
    always @(posedge clk) d <= rst ? 1'b0 : sig;
    assign rise = sig & ~d;
    assign fall = ~sig & d;
endmodule
