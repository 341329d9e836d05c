module lanes (
    input clk,
    input resetn,
    input [1:0] byteena,
    input [15:0] d,
    output reg [15:0] q
);
    // state: q, 0 after reset
    // at each clock edge: each enabled byte of q takes that of d
    // outputs: q
    always @(posedge clk) begin
        if (!resetn)
            q <= 16'd0;
        else begin
            if (byteena[1])
                q[15:8] <= d[15:8];
            if (byteena[0])
                q[7:0] <= d[7:0];
        end
    end
endmodule
