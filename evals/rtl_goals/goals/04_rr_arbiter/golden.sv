module rr_arbiter (
    input clk,
    input rst,
    input [3:0] req,
    output reg [3:0] grant
);
    reg [1:0] last;
    wire [1:0] a = last + 2'd1, b = last + 2'd2, c = last + 2'd3;
    always @(posedge clk)
        if (rst) begin
            grant <= 4'd0; last <= 2'd3;
        end else if (req[a]) begin grant <= 4'd1 << a; last <= a; end
        else if (req[b]) begin grant <= 4'd1 << b; last <= b; end
        else if (req[c]) begin grant <= 4'd1 << c; last <= c; end
        else if (req[last]) grant <= 4'd1 << last;
        else grant <= 4'd0;
endmodule
