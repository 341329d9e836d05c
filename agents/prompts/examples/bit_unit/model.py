# outputs: y by case of mode; odd = XOR of all bits of y
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        if i.mode == 0:
            y = i.d
        elif i.mode == 1:
            y = ((i.d << 1) | (i.d >> 3)) & 0xF
        elif i.mode == 2:
            y = ~i.d & 0xF
        else:
            y = -i.d & 0xF
        return {"y": y, "odd": bin(y).count("1") & 1}

    def tick(self, i):
        pass
