module deserializer (input clk, input rst, input sin, input en, output reg [7:0] data, output reg valid);
    reg [6:0] sh; reg [2:0] n;
    always @(posedge clk)
        if (rst) begin sh <= 0; n <= 0; data <= 0; valid <= 0; end
        else begin
            valid <= en && n == 7;
            if (en) begin
                n <= n + 1; sh <= {sin, sh[6:1]};
                if (n == 7) data <= {sin, sh};
            end
        end
endmodule
