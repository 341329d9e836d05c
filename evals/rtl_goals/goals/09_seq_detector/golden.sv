module seq_detector (
    input clk,
    input rst,
    input x,
    output found
);
    reg [2:0] s;
    always @(posedge clk)
        if (rst) s <= 3'd0;
        else case (s)
            3'd0: s <= x ? 3'd1 : 3'd0;
            3'd1: s <= x ? 3'd1 : 3'd2;
            3'd2: s <= x ? 3'd3 : 3'd0;
            3'd3: s <= x ? 3'd4 : 3'd2;
            default: s <= x ? 3'd1 : 3'd2;
        endcase
    assign found = s == 3'd4;
endmodule
