module delay2 (
    input clk,
    input rst,
    input [3:0] d,
    output [3:0] q,
    output changed
);
    // state: first and second, 0 after reset
    // at each clock edge: second takes the old first, first takes d
    // outputs: q = second; changed = (d differs from second)
    reg [3:0] first, second;

    always @(posedge clk) begin
        if (rst) begin
            first <= 4'd0;
            second <= 4'd0;
        end else begin
            first <= d;
            second <= first;
        end
    end

    assign q = second;
    assign changed = (d != second);
endmodule
