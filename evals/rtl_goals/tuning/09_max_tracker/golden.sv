module max_tracker (input clk, input rst, input valid, input [7:0] d, output reg [7:0] max, output reg seen);
    always @(posedge clk)
        if (rst) begin max <= 0; seen <= 0; end
        else if (valid) begin
            seen <= 1;
            if (!seen || d > max) max <= d;
        end
endmodule
