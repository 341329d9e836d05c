module ticket (
    input clk,
    input arst_n,
    input take,
    output [5:0] number,
    output last
);
    // state: number_q, 0 after reset
    // at each clock edge: if take: number_q goes to 0 after 49, else number_q + 1
    // outputs: number = number_q; last = (number_q == 49)
    reg [5:0] number_q;

    always @(posedge clk or negedge arst_n) begin
        if (!arst_n)
            number_q <= 6'd0;
        else if (take) begin
            if (number_q == 6'd49)
                number_q <= 6'd0;
            else
                number_q <= number_q + 6'd1;
        end
    end

    assign number = number_q;
    assign last = (number_q == 6'd49);
endmodule
