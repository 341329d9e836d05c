module gate_board (
    input a,
    input b,
    input [4:0] v,
    output p,
    output q,
    output r,
    output all_set,
    output any_set,
    output even
);
    // outputs: p = NAND, q = NOR, r = XNOR; all_set, any_set, even = reductions of v
    assign p = ~(a & b);
    assign q = ~(a | b);
    assign r = ~(a ^ b);
    assign all_set = &v;
    assign any_set = |v;
    assign even = ~^v;
endmodule
