module trend (
    input clk,
    input rst,
    input valid,
    input [3:0] x,
    output rising,
    output [1:0] count
);
    // state: newest, older and count_q, all 0 after reset
    // at each clock edge: if valid: older = newest, newest = x, count_q up to 2
    // outputs: rising = two samples and newest > older; count = count_q
    reg [3:0] newest, older;
    reg [1:0] count_q;

    always @(posedge clk) begin
        if (rst) begin
            newest <= 4'd0;
            older <= 4'd0;
            count_q <= 2'd0;
        end else if (valid) begin
            newest <= x;
            older <= newest;
            if (count_q < 2'd2)
                count_q <= count_q + 2'd1;
        end
    end

    assign rising = (count_q == 2'd2) && (newest > older);
    assign count = count_q;
endmodule
