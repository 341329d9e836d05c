module signed_pick (
    input [7:0] a,
    input [7:0] b,
    input [1:0] sel,
    output reg [7:0] y,
    output below
);
    // outputs: below = a < b as signed; y by case of sel
    assign below = $signed(a) < $signed(b);

    always_comb begin
        case (sel)
            2'd0: y = below ? b : a;
            2'd1: y = $signed(a) >>> b[2:0];
            2'd2: y = a[7] ? -a : a;
            default: y = a + b;
        endcase
    end
endmodule
