module checksum (
    input clk,
    input rst_n,
    input clear,
    input valid,
    input [7:0] d,
    output reg [7:0] sum,
    output ok
);
    // state: sum, 0xFF after reset
    // at each clock edge: if clear: 0xFF; else if valid: (sum rotated left by one) ^ d
    // outputs: sum; ok = sum is 0
    always @(posedge clk) begin
        if (!rst_n)
            sum <= 8'hFF;
        else if (clear)
            sum <= 8'hFF;
        else if (valid)
            sum <= {sum[6:0], sum[7]} ^ d;
    end

    assign ok = sum == 8'd0;
endmodule
