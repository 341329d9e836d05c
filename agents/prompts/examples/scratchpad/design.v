module scratchpad (
    input clk,
    input rst,
    input we,
    input [1:0] waddr,
    input [7:0] wdata,
    input [1:0] raddr,
    output [7:0] rdata,
    output [2:0] used
);
    // state: memory of 4 words and count, all 0 after reset
    // at each clock edge: if we: word waddr takes wdata, and count + 1 unless it is 4
    // outputs: rdata = word raddr; used = count
    reg [7:0] memory [0:3];
    reg [2:0] count;
    integer k;

    always @(posedge clk) begin
        if (rst) begin
            for (k = 0; k < 4; k = k + 1)
                memory[k] <= 8'd0;
            count <= 3'd0;
        end else if (we) begin
            memory[waddr] <= wdata;
            if (count != 3'd4)
                count <= count + 3'd1;
        end
    end

    assign rdata = memory[raddr];
    assign used = count;
endmodule
