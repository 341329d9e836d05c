module bcd_counter (input clk, input rst, input en, output reg [3:0] ones, output reg [3:0] tens, output carry);
    assign carry = en & (ones == 4'd9) & (tens == 4'd9);
    always @(posedge clk)
        if (rst) begin ones <= 0; tens <= 0; end
        else if (en) begin
            if (ones == 4'd9) begin
                ones <= 0;
                tens <= tens == 4'd9 ? 4'd0 : tens + 4'd1;
            end else ones <= ones + 4'd1;
        end
endmodule
