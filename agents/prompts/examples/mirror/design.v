module mirror (
    input [7:0] d,
    output reg [7:0] y,
    output reg [2:0] equal_pairs
);
    // outputs: loops over the bits of d
    integer k;

    always_comb begin
        for (k = 0; k < 8; k = k + 1)
            y[k] = d[7 - k];
        equal_pairs = 3'd0;
        for (k = 0; k < 7; k = k + 1)
            if (d[k] == d[k + 1])
                equal_pairs = equal_pairs + 3'd1;
    end
endmodule
