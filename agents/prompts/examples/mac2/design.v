module mac2 (
    input clk,
    input rst,
    input in_valid,
    input [3:0] a,
    input [3:0] b,
    input [7:0] c,
    output reg out_valid,
    output reg [8:0] y
);
    // state: product, c_1, valid_1 (first stage), y, out_valid (second stage), all 0 after reset
    // at each clock edge: second stage from first stage, first stage from inputs
    // outputs: the registers of the second stage
    reg [7:0] product, c_1;
    reg valid_1;

    always @(posedge clk) begin
        if (rst) begin
            product <= 8'd0;
            c_1 <= 8'd0;
            valid_1 <= 1'b0;
            y <= 9'd0;
            out_valid <= 1'b0;
        end else begin
            product <= a * b;
            c_1 <= c;
            valid_1 <= in_valid;
            y <= product + c_1;
            out_valid <= valid_1;
        end
    end
endmodule
